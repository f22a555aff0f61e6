# Usage: ticker.sh SECONDS TEXT. Prints TEXT with a counter every SECONDS seconds, for ever.
count=0
while true; do
  count=$((count + 1))
  echo "$2 $count on $AWS_IOT_THING_NAME"
  sleep "$1"
done
