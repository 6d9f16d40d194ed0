import { serveDials } from '#agent/kubelet/port-forward/dial-helper.ts';
import { defineCommand } from './command.ts';

/** `skiff dial`: the node's helper inside a pod's network namespace. Speaks only to the process that started it. */
export const dial = defineCommand({
  name: 'dial',
  summary: 'Open connections within a network namespace for the node',
  hidden: true,
  options: {},
  run: () => new Promise((resolve) => serveDials(process, resolve)),
});
