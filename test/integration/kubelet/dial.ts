import { serveDials } from '#agent/kubelet/port-forward/dial-helper.ts';

serveDials(process, () => process.exit());
