import { defaultPodTemplateObject } from '#api/core/defaults.ts';
import { type PodTemplate, podTemplates } from '#api/core/v1.ts';
import { defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { labelsText } from '../columns.ts';
import { validatePodTemplate } from '../pod-spec/pod-spec.ts';

/** PodTemplate: a pod to be made from elsewhere. */
export const podTemplateResource = defineResource<PodTemplate>(podTemplates, {
  returnsDeleted: true,
  defaults: defaultPodTemplateObject,
  prepareCreate(object) {
    object.metadata.generation = 1;
  },
  validate: ({ template }) => validatePodTemplate(template, 'template'),
  columns: [
    nameColumn,
    {
      name: 'Containers',
      value: ({ template }) => (template?.spec?.containers ?? []).map(({ name }) => name).join(','),
    },
    {
      name: 'Images',
      value: ({ template }) => (template?.spec?.containers ?? []).map(({ image = '' }) => image).join(','),
    },
    { name: 'Pod Labels', value: ({ template }) => labelsText(template?.metadata?.labels) },
  ],
});
