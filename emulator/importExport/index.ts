export { createImportExportJobs, type ImportExportJobs } from './jobs';
export { jobRequest, type Job, type JobRequest } from './job';
