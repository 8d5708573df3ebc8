import type { ReactNode } from "react";
import type { Problem } from "../api/request.ts";
import { useText } from "../text/text.tsx";

export type Tone = "good" | "warn" | "bad" | "info";

interface NoticeProps {
  readonly tone: Tone;
  readonly title: string;
  readonly children?: ReactNode;
  /** It came up because of what the person did: it is read out at once. */
  readonly isAnswer?: boolean;
}

/** Something to know, in a box. */
export function Notice({ tone, title, children, isAnswer = false }: NoticeProps) {
  return (
    <div className={`notice ${tone}`} role={isAnswer ? "alert" : undefined}>
      <p className="notice-title">{title}</p>
      {children}
    </div>
  );
}

/** A refusal of the service, and what to do about it. What it says comes in English. */
export function ProblemNotice({ problem }: { readonly problem: Problem }) {
  const { common } = useText();
  const isSilence = problem.status === 0;
  const remedy = isSilence ? common.unreachableRemedy : problem.remedy;
  return (
    <div className="notice bad" role="alert">
      <p className="notice-title" lang={isSilence ? undefined : "en"}>
        {isSilence ? common.unreachable : problem.message}
      </p>
      {remedy !== null && <p lang={isSilence ? undefined : "en"}>{remedy}</p>}
    </div>
  );
}
