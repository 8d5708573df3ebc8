const words: Readonly<Record<string, string>> = {
  openid: "Know who you are",
  email: "See your e-mail address",
  profile: "See your name and picture",
  phone: "See your phone number",
  address: "See your address",
  "spark:all": "Do everything in Webex that you can do",
  "spark:kms": "Read encrypted content through the key service",
  "spark:people_read": "See people of your organisation and their status",
  "spark-admin:people_read": "See every user of your organisation, as an administrator",
  "meeting:schedules_read": "See your scheduled meetings",
  "meeting:recordings_read": "See and download your recordings",
  "meeting:participants_read": "See who took part in your meetings",
  "meeting:transcripts_read": "Read transcripts of your meetings",
  "meeting:admin_schedule_read": "See the meetings of your whole organisation",
  "meeting:admin_recordings_read": "See and download the recordings of your whole organisation",
  "meeting:admin_participants_read": "See who took part in the meetings of your organisation",
  "meeting:admin_transcripts_read": "Read transcripts of the meetings of your organisation",
  "meeting:admin_preferences_read": "See the meeting settings of your organisation",
  "meeting:admin_config_read": "See the meeting configuration of your organisation",
  "identity:tokens_read": "See which access tokens users have given out",
  "identity:tokens_write": "Withdraw access tokens that users have given out",
};

/** What a scope permits, for people; an unknown one is spelled out from its name. */
export function scopeInWords(scope: string): string {
  const known = Object.hasOwn(words, scope) ? words[scope] : undefined;
  if (known !== undefined) return known;
  const spelled = scope.replaceAll(/[_:-]+/g, " ").trim();
  return spelled === "" ? scope : `${spelled.charAt(0).toUpperCase()}${spelled.slice(1)}`;
}

/** Whether the scope only works for administrators. */
export function isAdminScope(scope: string): boolean {
  return (
    scope.includes(":admin_") || scope.startsWith("spark-admin:") || scope.startsWith("identity:tokens_")
  );
}
