export { IOT_HUB_RESOURCE, isAccessToken, issueAccessToken } from './accessToken';
