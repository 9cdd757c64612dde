export { applyProvisioningSeed } from './applyProvisioningSeed';
export { applySeed } from './applySeed';
export { readSeed, SeedError } from './readSeed';
export type { Seed, SeedInput } from './seedSchema';
