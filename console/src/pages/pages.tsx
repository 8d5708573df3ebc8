import { Notice } from "../parts/notice.tsx";
import { Page } from "../parts/page.tsx";
import { usePlace } from "../route.tsx";
import { useText } from "../text/text.tsx";
import { CalendarPage } from "./calendar.tsx";
import { ConnectPage } from "./connect.tsx";
import { EventsPage } from "./events.tsx";
import { GrantPage } from "./grant.tsx";
import { GrantsPage } from "./grants.tsx";
import { HandOverPage } from "./hand-over.tsx";
import { IntegrationPage } from "./integration.tsx";
import { IntegrationsPage } from "./integrations.tsx";
import { KeysPage } from "./keys.tsx";
import { OverviewPage } from "./overview.tsx";

/** The page that the address names. */
export function Pages() {
  const { pathname } = usePlace();
  const [, first = "", second, third, ...more] = pathname.split("/");
  const name = second === undefined ? undefined : decode(second);
  if (name === null || more.length > 0) return <NotFound />;
  if (first === "grants" && name !== undefined) {
    if (third === undefined) return <GrantPage key={name} name={name} />;
    return third === "hand-over" ? <HandOverPage key={name} name={name} /> : <NotFound />;
  }
  if (first === "integrations" && name !== undefined && third === undefined)
    return <IntegrationPage key={name} name={name} />;
  if (name !== undefined) return <NotFound />;
  return pageOf(first);
}

function pageOf(first: string) {
  switch (first) {
    case "":
    case "sign-in":
      return <OverviewPage />;
    case "connect":
      return <ConnectPage />;
    case "grants":
      return <GrantsPage />;
    case "calendar":
      return <CalendarPage />;
    case "integrations":
      return <IntegrationsPage />;
    case "api-keys":
      return <KeysPage />;
    case "events":
      return <EventsPage />;
    default:
      return <NotFound />;
  }
}

function NotFound() {
  const { common } = useText();
  return (
    <Page title={common.notFound}>
      <Notice tone="info" title={common.notFound} />
    </Page>
  );
}

function decode(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}
