import type { Action } from "./action.tsx";
import { ProblemNotice } from "./notice.tsx";

interface FormEndProps {
  readonly action: Action;
  /** Whether everything is there that it needs. */
  readonly isReady: boolean;
  readonly submit: string;
  readonly isDangerous?: boolean;
  readonly out: { readonly label: string; readonly onClick: () => void };
}

/** The end of a form: what came of the last try, the way out, and the way on. */
export function FormEnd({ action, isReady, submit, isDangerous = false, out }: FormEndProps) {
  return (
    <>
      {action.problem !== null && <ProblemNotice problem={action.problem} />}
      <div className="buttons">
        <button type="button" onClick={out.onClick}>
          {out.label}
        </button>
        <button
          type="submit"
          className={isDangerous ? "danger filled" : "primary"}
          disabled={!isReady || action.isBusy}
        >
          {submit}
        </button>
      </div>
    </>
  );
}
