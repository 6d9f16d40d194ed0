import { describe, expect, test } from 'vitest';
import { type Ingress, ingressClasses, ingresses } from '#api/networking/v1.ts';
import { admissionDeps, admissionRequest, admit } from '#test/support/admission.ts';
import { defaultIngressClass } from './default-ingress-class.ts';

describe('default ingress class', () => {
  test.each([
    { name: 'is named where none is', ingress: { metadata: { name: 'i' } }, expected: 'main' },
    {
      name: 'is not named beside another',
      ingress: { metadata: { name: 'i' }, spec: { ingressClassName: 'own' } },
      expected: 'own',
    },
    {
      name: 'is not named beside the old annotation',
      ingress: { metadata: { name: 'i', annotations: { 'kubernetes.io/ingress.class': 'own' } } },
      expected: undefined,
    },
  ])('$name', async ({ ingress, expected }) => {
    const deps = admissionDeps();
    const annotations = { 'ingressclass.kubernetes.io/is-default-class': 'true' };
    deps.cache.put(ingressClasses, { metadata: { name: 'main', annotations }, spec: {} });
    const request = admissionRequest(ingresses, { object: ingress });
    const result = (await admit(defaultIngressClass(deps), request)) as Ingress;
    expect(result.spec?.ingressClassName).toBe(expected);
  });
});
