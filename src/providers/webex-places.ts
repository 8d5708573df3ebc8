/** Where an installation of Webex has its pages. */
export interface WebexPlaces {
  /** Host of the developer portal. */
  readonly portal: string;
  /** Host of the administrators' Control Hub. */
  readonly hub: string;
  /** Where a person sees and ends sessions and consents. */
  readonly sessions: string;
}

/** The pages of the commercial service. */
export const COMMERCIAL: WebexPlaces = {
  portal: "developer.webex.com",
  hub: "admin.webex.com",
  sessions: "https://idbroker.webex.com/idb/profile#/tokens",
};

/** The pages of the service for government (FedRAMP). */
export const GOVERNMENT: WebexPlaces = {
  portal: "developer-usgov.webex.com",
  hub: "admin-usgov.webex.com",
  sessions: "Control Hub (admin-usgov.webex.com) > Apps > Integrations",
};
