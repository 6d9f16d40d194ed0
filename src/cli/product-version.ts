/** What this build is. The API level is that of the models it was generated from. */
export const VERSION = { skiff: '0.1.0', kubernetes: 'v1.36.0' } as const;
