import { useLanguage, useText } from "../text/text.tsx";
import { dateOf, exactly, fromNow, momentOf, timeOf } from "../text/format.ts";
import { useNow } from "../live/use-world.ts";

interface MomentProps {
  readonly at: string | null;
  /** A date, a date with the time of day, how far it is from now, or the date with that behind it. */
  readonly as?: "date" | "moment" | "distance" | "both";
  /** What stands there where there is none. */
  readonly otherwise?: string;
}

/** A time in the reader's zone; hovering tells the exact instant. */
export function Moment({ at, as = "moment", otherwise }: MomentProps) {
  const text = useText();
  const { language } = useLanguage();
  const now = useNow();
  const time = timeOf(at);
  if (at === null || time === null) return <span className="dim">{otherwise ?? text.units.unknown}</span>;
  const distance = fromNow(time, now, text);
  const words = {
    date: () => dateOf(time, language),
    moment: () => momentOf(time, language),
    distance: () => distance,
    both: () => `${dateOf(time, language)}, ${distance}`,
  }[as]();
  return (
    <time dateTime={at} title={exactly(at, language)}>
      {words}
    </time>
  );
}
