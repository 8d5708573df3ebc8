/** The only style sheet; it stands in the page and is allowed by its hash. */
export const styleSheet = `
:root {
  color-scheme: light dark;
  --ground: #f3f4f6; --card: #ffffff; --line: #d5d9e0; --text: #1b2230; --quiet: #566073;
  --accent: #1a56b4; --accent-hover: #123f86; --on-accent: #ffffff; --wash: #eef3fb;
  --mark: #ffd75e; --on-mark: #3a2c00; --bad: #a3231f; --bad-wash: #fdf0ef; --note-wash: #fff6dc;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12161d; --card: #1b212b; --line: #38414f; --text: #e8ecf3; --quiet: #a6b0c0;
    --accent: #8ab4f8; --accent-hover: #adcbff; --on-accent: #0d1a30; --wash: #232c3a;
    --mark: #e5b93c; --on-mark: #241b00; --bad: #ffa39d; --bad-wash: #38211f; --note-wash: #332b16;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; display: flex; flex-direction: column;
  background: var(--ground); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
.strip {
  background: var(--mark); color: var(--on-mark); text-align: center; text-wrap: balance;
  padding: 8px 16px; font-size: 14px;
}
.strip strong { margin-right: 6px; }
main { flex: 1; display: flex; justify-content: center; align-items: flex-start; padding: 40px 16px 56px; }
.card {
  width: 100%; max-width: 460px; background: var(--card); border: 1px solid var(--line);
  border-radius: 14px; padding: 32px; box-shadow: 0 1px 2px rgb(0 0 0 / 6%), 0 12px 32px rgb(0 0 0 / 7%);
}
h1 { font-size: 22px; line-height: 1.3; margin: 0 0 6px; text-wrap: balance; overflow-wrap: anywhere; }
h2 { font-size: 15px; margin: 24px 0 8px; }
p { margin: 0 0 12px; overflow-wrap: anywhere; }
.quiet { color: var(--quiet); font-size: 14px; }
.small { font-size: 13px; margin: 20px 0 0; }
code { font: 13px/1.4 ui-monospace, "SFMono-Regular", Menlo, Consolas, monospace; }
.accounts { display: grid; gap: 10px; margin: 20px 0 0; padding: 0; list-style: none; }
.account {
  display: flex; align-items: center; gap: 14px; width: 100%; text-align: left; color: inherit;
  background: none; border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px;
}
.account:hover { background: var(--wash); border-color: var(--accent); }
.person { display: flex; align-items: center; gap: 14px; margin: 18px 0 0; padding: 12px 14px; background: var(--wash); border-radius: 10px; }
.initials {
  flex: none; width: 40px; height: 40px; border-radius: 50%; display: grid; place-items: center;
  background: var(--accent); color: var(--on-accent); font-weight: 600; font-size: 15px;
}
.who { min-width: 0; display: grid; }
.who span { overflow-wrap: anywhere; line-height: 1.35; }
.who .name { font-weight: 600; }
.separator { display: flex; align-items: center; gap: 12px; color: var(--quiet); font-size: 13px; margin: 22px 0 14px; }
.separator::before, .separator::after { content: ""; flex: 1; border-top: 1px solid var(--line); }
label { display: block; font-size: 14px; font-weight: 600; margin-bottom: 6px; }
input {
  width: 100%; font: inherit; color: inherit; background: var(--card); border: 1px solid var(--quiet);
  border-radius: 8px; padding: 10px 12px; margin-bottom: 12px;
}
.digits { font-size: 26px; letter-spacing: .25em; text-align: center; font-variant-numeric: tabular-nums; }
button { font: inherit; cursor: pointer; }
.button { border-radius: 8px; padding: 11px 16px; font-weight: 600; border: 1px solid var(--quiet); background: none; color: inherit; }
.button:hover { background: var(--wash); }
.button.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
.button.primary:hover { background: var(--accent-hover); border-color: var(--accent-hover); }
.wide { width: 100%; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 12px; margin-top: 24px; }
.link { display: block; margin: 14px auto 0; padding: 6px 10px; border: 0; border-radius: 6px; background: none; color: var(--accent); text-decoration: underline; text-underline-offset: 3px; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.scopes { list-style: none; margin: 0; padding: 0; border: 1px solid var(--line); border-radius: 10px; }
.scopes li { padding: 9px 14px; display: grid; }
.scopes li + li { border-top: 1px solid var(--line); }
.scopes code { color: var(--quiet); overflow-wrap: anywhere; }
.problem, .note { border-radius: 8px; padding: 10px 14px; font-size: 14px; }
.problem { background: var(--bad-wash); color: var(--bad); border: 1px solid currentColor; }
.note { background: var(--note-wash); margin: 16px 0 0; }
@media (max-width: 480px) {
  main { padding: 16px 12px 32px; }
  .card { padding: 22px 18px; border-radius: 12px; }
}
@media (forced-colors: active) { .initials { border: 1px solid; } }
`;
