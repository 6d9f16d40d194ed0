import type { ResourceRequirements } from '#api/core/v1.ts';
import { checkQualifiedName } from '#api/meta/names.ts';
import { compareQuantities, parseQuantity, QuantityError } from '#api/meta/quantity.ts';
import { type FieldError, invalidValue, required } from '#api/meta/validation.ts';
import { checkName, eachEntry } from '../validate.ts';

const CONTAINER_RESOURCES = new Set(['cpu', 'memory', 'ephemeral-storage']);
const NANO = 1_000_000_000n;

/** Requests and limits of a container or pod at `field`. */
export function validateResources(resources: ResourceRequirements | undefined, field: string): FieldError[] {
  if (resources === undefined) return [];
  const { requests = {}, limits = {} } = resources;
  const errors = [...validateAmounts(limits, `${field}.limits`), ...validateAmounts(requests, `${field}.requests`)];
  if (errors.length > 0) return errors;
  for (const [name, amount] of Object.entries(requests)) {
    const limit = limits[name];
    if (limit === undefined) {
      if (!isOvercommittable(name))
        errors.push(required(`${field}.limits`, `Limit must be set for non overcommitable resources`));
      continue;
    }
    const order = compareQuantities(parseQuantity(amount), parseQuantity(limit));
    if (!isOvercommittable(name) && order !== 0) {
      errors.push(invalidValue(`${field}.requests`, amount, `must be equal to ${name} limit of ${limit}`));
    } else if (order > 0) {
      errors.push(invalidValue(`${field}.requests`, amount, `must be less than or equal to ${name} limit of ${limit}`));
    }
  }
  return errors;
}

function validateAmounts(amounts: Readonly<Record<string, string>>, field: string): FieldError[] {
  return eachEntry(amounts, field, (amount, at, name) => [
    ...validateResourceName(name, at),
    ...validateAmount(name, amount, at),
  ]);
}

/** A resource a container can ask for: one of the standard ones, huge pages, or a name with a domain. */
export function validateResourceName(name: string, field: string): FieldError[] {
  const errors = checkName(name, field, checkQualifiedName);
  if (errors.length > 0 || CONTAINER_RESOURCES.has(name) || name.startsWith('hugepages-')) return errors;
  if (!name.includes('/')) return [invalidValue(field, name, 'must be a standard resource type or fully qualified')];
  return name.startsWith('kubernetes.io/')
    ? [invalidValue(field, name, 'must be a standard resource for containers')]
    : [];
}

/** An amount of a resource: a quantity, not negative, whole where halves make no sense. */
export function validateAmount(name: string, amount: string, field: string): FieldError[] {
  const quantity = quantityOf(amount);
  if (quantity === undefined) return [invalidValue(field, amount, 'must be a valid resource quantity')];
  if (quantity.nano < 0n) return [invalidValue(field, amount, 'must be greater than or equal to 0')];
  const isWhole = quantity.nano % NANO === 0n;
  return !isOvercommittable(name) && !isWhole ? [invalidValue(field, amount, 'must be an integer')] : [];
}

/** A quantity, or undefined for text that is none. */
export function quantityOf(text: string | number): ReturnType<typeof parseQuantity> | undefined {
  try {
    return parseQuantity(text);
  } catch (error) {
    if (error instanceof QuantityError) return undefined;
    throw error;
  }
}

/** Extended resources and huge pages are handed out whole: their request is their limit. */
function isOvercommittable(name: string): boolean {
  return !name.startsWith('hugepages-') && (!name.includes('/') || name.includes('kubernetes.io/'));
}
