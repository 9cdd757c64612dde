export { type RateLimit, createRateLimit } from './rateLimit';
export {
  VISITOR_PROPERTY,
  type VisitorSettings,
  type Visitors,
  createVisitors,
  isGatewayId,
  isReservedId,
  isVisitorIdOrPrefix,
} from './visitors';
