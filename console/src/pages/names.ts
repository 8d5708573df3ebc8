/** What names of grants, integrations and keys are made of, as the service has it. */
export const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
