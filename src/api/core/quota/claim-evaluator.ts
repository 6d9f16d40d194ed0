import { compareQuantities, parseQuantity, type Quantity, quantityOf } from '../../meta/quantity.ts';
import { labelSelectorOf } from '../../meta/selectors.ts';
import type { PersistentVolumeClaim, ScopedResourceSelectorRequirement } from '../v1.ts';
import type { Amounts } from './pod-quantities.ts';
import type { QuotaEvaluator } from './quota-evaluator.ts';

const CLASS_BETA = 'volume.beta.kubernetes.io/storage-class';
const STORAGE = 'requests.storage';
const CLAIMS = 'persistentvolumeclaims';
const OF_CLASS = '.storageclass.storage.k8s.io/';
const COUNTED: ReadonlySet<string> = new Set([`count/${CLAIMS}`, CLAIMS, STORAGE]);

/** Claims count as objects and with the storage they ask for, in total and by storage class. */
export const claimEvaluator: QuotaEvaluator = {
  counts: (name) => COUNTED.has(name) || name.endsWith(OF_CLASS + STORAGE) || name.endsWith(OF_CLASS + CLAIMS),
  usage: (object) => claimUsage(object as PersistentVolumeClaim),
  isInScope: (object, scope) => isInScope(object as PersistentVolumeClaim, scope),
};

function claimUsage(claim: PersistentVolumeClaim): Amounts {
  const one = quantityOf(1);
  const usage = new Map<string, Quantity>([
    [`count/${CLAIMS}`, one],
    [CLAIMS, one],
  ]);
  const storageClass = claim.metadata.annotations?.[CLASS_BETA] ?? claim.spec?.storageClassName ?? '';
  if (storageClass !== '') usage.set(storageClass + OF_CLASS + CLAIMS, one);
  const storage = storageOf(claim);
  if (storage === undefined) return usage;
  usage.set(STORAGE, storage);
  if (storageClass !== '') usage.set(storageClass + OF_CLASS + STORAGE, storage);
  return usage;
}

/** A failed growth that was taken back may still hold the larger volume. */
function storageOf({ spec, status }: PersistentVolumeClaim): Quantity | undefined {
  const asked = spec?.resources?.requests?.['storage'];
  if (asked === undefined) return undefined;
  const [request, allocated] = [parseQuantity(asked), status?.allocatedResources?.['storage']];
  if (allocated === undefined) return request;
  const held = parseQuantity(allocated);
  return compareQuantities(held, request) > 0 ? held : request;
}

function isInScope({ spec, status }: PersistentVolumeClaim, scope: ScopedResourceSelectorRequirement): boolean {
  if (scope.scopeName !== 'VolumeAttributesClass') return false;
  const { operator, values } = scope;
  const classes = [
    spec?.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ].filter((name) => name !== undefined && name !== '');
  const selector = labelSelectorOf({ matchExpressions: [{ key: 'class', operator, values: values ?? [] }] });
  if (classes.length === 0) return selector.matches({});
  return classes.some((name) => selector.matches({ class: name ?? '' }));
}
