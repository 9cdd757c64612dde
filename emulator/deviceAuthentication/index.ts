export { authenticateDevice, type DeviceCredentials, type DeviceLogin } from './authenticateDevice';
