export { runQuery, type PageRequest, type QueryPage } from './runQuery';
