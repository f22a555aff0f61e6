export { type Chance, seededChance } from '@greensward/kit';
