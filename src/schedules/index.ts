export { type Schedule, parseSchedule } from './ncrontab';
export { resolveSettingNames } from './settingNames';
