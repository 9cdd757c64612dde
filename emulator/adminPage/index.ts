export { PAGE_PATHS, pageResponse } from './adminPage';
