import { type DestinationStream, pino } from 'pino';

/** What units log through: a constant lowercase phrase, with the data in fields. */
export type { Logger } from 'pino';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Creates the process's root logger; every component gets a child of it. Lines are JSON on stderr unless told otherwise. */
export function createLogger({
  level = 'info',
  destination,
}: {
  level?: LogLevel;
  destination?: DestinationStream;
} = {}) {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  return pino(options, destination ?? pino.destination({ fd: 2, sync: true }));
}
