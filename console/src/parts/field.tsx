import { type InputHTMLAttributes, useId } from "react";

interface FieldProps extends Omit<InputHTMLAttributes<HTMLInputElement>, "onChange" | "value"> {
  readonly label: string;
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly hint?: string | undefined;
  /** What is wrong with the value; in English where the service says it. */
  readonly fault?: string | null | undefined;
  readonly isFaultEnglish?: boolean;
  /** What is right about it. */
  readonly praise?: string | null | undefined;
}

/** A labelled input; what is wrong with its value stands below it, and is read out with it. */
export function Field(props: FieldProps) {
  const { label, value, onValue, hint, fault, isFaultEnglish = false, praise, ...rest } = props;
  const id = useId();
  const said = fault ?? praise ?? hint;
  const tone = fault ? "bad" : praise ? "good" : "dim";
  return (
    <div className="field">
      <label className="field-label" htmlFor={id}>
        {label}
      </label>
      <input
        {...rest}
        id={id}
        value={value}
        onChange={(event) => onValue(event.target.value)}
        aria-invalid={fault ? true : undefined}
        aria-describedby={said ? `${id}-said` : undefined}
      />
      <p id={`${id}-said`} className={`field-said ${tone}`} lang={fault && isFaultEnglish ? "en" : undefined}>
        {said}
      </p>
    </div>
  );
}
