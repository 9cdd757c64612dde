export { createImportExportJobs, type ImportExportJobs } from './jobs';
export { jobRequest } from './job';
