import { type ReactNode, useRef, useState } from "react";
import { Problem } from "../api/request.ts";
import { useText } from "../text/text.tsx";
import { Dialog } from "./dialog.tsx";
import { FormEnd } from "./form-end.tsx";

/** Something that a person has done and that takes its time. */
export interface Action {
  readonly isBusy: boolean;
  readonly problem: Problem | null;
  /** Runs it, but not twice at once. Resolves with whether it succeeded. */
  readonly run: (work: () => Promise<unknown>) => Promise<boolean>;
  readonly forget: () => void;
}

export function useAction(): Action {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const isRunning = useRef(false);
  return {
    isBusy,
    problem,
    forget: () => setProblem(null),
    run: async (work) => {
      if (isRunning.current) return false;
      isRunning.current = true;
      setBusy(true);
      setProblem(null);
      try {
        await work();
        return true;
      } catch (error) {
        setProblem(error instanceof Problem ? error : new Problem(0, "internal", String(error), null));
        return false;
      } finally {
        isRunning.current = false;
        setBusy(false);
      }
    },
  };
}

interface ConfirmButtonProps {
  /** What the button says, and the dialog's own one. */
  readonly label: string;
  readonly title: string;
  /** What will break. */
  readonly text: string;
  readonly isDangerous?: boolean;
  /** Has to be typed first. */
  readonly typed?: { readonly label: string; readonly value: string } | undefined;
  /** More of the dialog, and whether it lets go on. */
  readonly more?: { readonly children: ReactNode; readonly isReady: boolean } | undefined;
  readonly onConfirm: () => Promise<unknown>;
}

/** A button for what cannot be taken back: it says first what will break. */
export function ConfirmButton(props: ConfirmButtonProps) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        className={props.isDangerous === true ? "danger" : ""}
        onClick={() => setOpen(true)}
      >
        {props.label}
      </button>
      {isOpen && <ConfirmDialog {...props} onClose={() => setOpen(false)} />}
    </>
  );
}

function ConfirmDialog(props: ConfirmButtonProps & { readonly onClose: () => void }) {
  const { label, title, text, isDangerous = false, typed, more, onConfirm, onClose } = props;
  const { common } = useText();
  const action = useAction();
  const [word, setWord] = useState("");
  const isReady = (typed === undefined || word === typed.value) && (more?.isReady ?? true);
  const confirm = async (): Promise<void> => {
    if (await action.run(onConfirm)) onClose();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (isReady) void confirm();
        }}
      >
        <p>{text}</p>
        {more?.children}
        {typed !== undefined && (
          <label className="field">
            <span className="field-label">{typed.label}</span>
            <input value={word} onChange={(event) => setWord(event.target.value)} autoComplete="off" />
          </label>
        )}
        <FormEnd
          action={action}
          isReady={isReady}
          submit={label}
          isDangerous={isDangerous}
          out={{ label: common.cancel, onClick: onClose }}
        />
      </form>
    </Dialog>
  );
}
