import { describe, expect, it } from 'vitest';
import { defineConfig, resolveConfig } from '../../src/config/index.ts';
import { ConfigError } from '../../src/domain/errors.ts';
import { ServiceHours } from '../../src/domain/hours.ts';

const WEEK = { timeZone: 'America/Lima', weekly: { mon: ['09:00-18:00'], fri: ['22:00-03:00'] } };
const file = (value: object) => ({ file: { name: 'chasqui.config.ts', value } });
const orgs = (over: object = {}, channel: object = {}) => [{ id: 'a', ...over, channels: [{ kind: 'playground', id: 'p', ...channel }] }];
const hoursOf = (value: object) => resolveConfig(file(value)).orgs[0]?.channels[0]?.serviceHours;
const refusal = (serviceHours: object): string => {
  try {
    resolveConfig(file({ serviceHours }));
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'accepted';
};

describe('serviceHours in the file', () => {
  it('become a schedule', () => {
    const found = hoursOf({ serviceHours: { ...WEEK, holidays: ['12-25'], exceptions: { '2026-12-24': ['09:00-12:00'] } } });
    expect(found).toMatchObject({ policy: 'defer', words: {} });
    expect(new ServiceHours(found!.schedule).at(Date.parse('2026-03-07T02:59-05:00'))).toEqual({ open: true });
    expect(found?.schedule.holidays.has('12-25')).toBe(true);
  });

  it('the nearest wins: channel, org, file', () => {
    const zone = (timeZone: string) => ({ serviceHours: { timeZone, weekly: {} } });
    expect(hoursOf({ ...zone('UTC'), orgs: orgs() })?.schedule.timeZone).toBe('UTC');
    expect(hoursOf({ ...zone('UTC'), orgs: orgs(zone('America/Lima')) })?.schedule.timeZone).toBe('America/Lima');
    expect(hoursOf({ ...zone('UTC'), orgs: orgs(zone('America/Lima'), zone('Europe/Madrid')) })?.schedule.timeZone).toBe('Europe/Madrid');
    expect(hoursOf({ orgs: orgs() })).toBeNull();
  });

  it('message: a text for all, by language, or none', () => {
    expect(hoursOf({ serviceHours: { ...WEEK, message: 'x' } })?.words).toEqual({ en: 'x', es: 'x' });
    expect(hoursOf({ serviceHours: { ...WEEK, message: { es: 'x' } } })?.words).toEqual({ es: 'x' });
    expect(hoursOf({ serviceHours: { ...WEEK, message: false } })?.words).toBeNull();
  });

  it('are what defineConfig takes', () => {
    expect(defineConfig({ governorServiceHoursEnabled: true, serviceHours: { ...WEEK, outside: 'handoff' } })).toBeDefined();
  });

  it.each([
    [{ weekly: {} }, 'serviceHours.timeZone'],
    [{ ...WEEK, timeZone: 'America/Macondo' }, 'IANA time zone'],
    [{ ...WEEK, weekly: { mon: ['9-18'] } }, 'serviceHours.weekly.mon[0]'],
    [{ ...WEEK, weekly: { mon: ['09:00-25:00'] } }, '09:00-18:00'],
    [{ ...WEEK, weekly: { mon: ['09:00-09:00'] } }, 'begins when it ends'],
    [{ ...WEEK, weekly: { monday: [] } }, 'weekly.monday'],
    [{ ...WEEK, holidays: ['25-12'] }, 'serviceHours.holidays[0]'],
    [{ ...WEEK, exceptions: { tomorrow: [] } }, 'exceptions'],
    [{ ...WEEK, outside: 'sleep' }, 'defer, answer, handoff'],
  ])('refuses %j, naming the field', (hours, named) => {
    expect(refusal(hours)).toContain(named);
  });

  it('a notice says when hours do not count, or are missing', () => {
    expect(resolveConfig(file({ serviceHours: WEEK })).notices.join()).toContain('GOVERNOR_SERVICE_HOURS_ENABLED is false');
    expect(resolveConfig({ env: { GOVERNOR_SERVICE_HOURS_ENABLED: 'true' } }).notices.join()).toContain('always open');
  });
});
