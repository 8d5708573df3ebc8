import { useEffect, useState } from "react";
import { useText } from "../text/text.tsx";

/** Copies a value; `what` tells apart several of them for whoever hears the page. */
export function CopyButton({ value, what }: { readonly value: string; readonly what: string }) {
  const { common } = useText();
  const [state, setState] = useState<"ready" | "copied" | "failed">("ready");
  useEffect(() => {
    if (state !== "copied") return;
    const timer = setTimeout(() => setState("ready"), 2000);
    return () => clearTimeout(timer);
  }, [state]);
  const copy = (): void => {
    navigator.clipboard.writeText(value).then(
      () => setState("copied"),
      () => setState("failed"),
    );
  };
  return (
    <>
      <button type="button" className="small" aria-label={common.copyOf(what)} onClick={copy}>
        {state === "copied" ? common.copied : common.copy}
      </button>
      <span role="status" className={state === "failed" ? "dim" : "unseen"}>
        {state === "copied" ? common.copied : state === "failed" ? common.copyFailed : ""}
      </span>
    </>
  );
}

/** A value that is to be copied, with its button. */
export function CopyLine({ value, what }: { readonly value: string; readonly what: string }) {
  return (
    <span className="copy-line">
      <code>{value}</code>
      <CopyButton value={value} what={what} />
    </span>
  );
}
