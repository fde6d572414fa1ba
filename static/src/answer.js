// What a form shows once its answer was morphed in. A morph reuses elements and leaves what a person typed in them: so the
// answer decides, except over what was typed after the form was sent. That stays, in its own row, and so does the hand.
const CONTROLS = "input:not([type=file], [type=hidden]), select, textarea";
const sent = new WeakMap();

const ticked = (element) => /^(checkbox|radio)$/.test(element.type);

function state(element) {
  if (ticked(element)) return element.checked;
  return element.matches("select") ? [...element.selectedOptions].map((option) => option.value) : element.value;
}

function put(element, value) {
  if (ticked(element)) element.checked = value;
  else if (!Array.isArray(value)) element.value = value;
  else for (const option of element.options ?? []) option.selected = value.includes(option.value);
}

function asAnswered(element) {
  if (ticked(element)) element.checked = element.defaultChecked;
  else if (element.multiple && element.options) for (const option of element.options) option.selected = option.defaultSelected;
  else if (element.options) element.selectedIndex = Math.max(0, [...element.options].findIndex((option) => option.defaultSelected));
  else if (element.value !== element.defaultValue) element.value = element.defaultValue;
}

// Rows are numbered: where the pressed button removed or moved one, the id that something has afterwards.
export function after(id, { name, value } = {}) {
  const [, rows, row] = /^(.+-)(\d+)$/.exec(value ?? "") ?? [];
  const [, number, rest] = (rows && id.startsWith(rows) && /^(\d+)(\D.*)?$/.exec(id.slice(rows.length))) || [];
  if (!number) return id;
  const at = Number(number), pressed = Number(row), other = pressed + ({ _up: -1, _down: 1 }[name] ?? 0);
  let to = at === pressed ? other : at === other ? pressed : at;
  if (name === "_remove") {
    const renumbered = document.querySelector(`[id^="${CSS.escape(rows + row)}-"]`); // some forms keep their rows' numbers
    if (at === pressed) return "";
    to = at > pressed && renumbered ? at - 1 : at;
  }
  return `${rows}${to}${rest ?? ""}`;
}

// As the values are taken for a request.
export function remember(ctx) {
  const controls = [...(ctx.request.form?.querySelectorAll(CONTROLS) ?? [])];
  sent.set(ctx, { active: document.activeElement, states: controls.map((element) => [element, JSON.stringify(state(element))]) });
}

// Before the swap: what the reader typed meanwhile, where they went, and what they have opened.
export function gather(ctx) {
  const { active, states } = sent.get(ctx) ?? {};
  if (!states?.length || !(ctx.target instanceof Element)) return null;
  const now = document.activeElement;
  const typed = states.filter(([element, was]) => element.id && JSON.stringify(state(element)) !== was);
  return {
    controls: states.map(([element]) => element),
    typed: typed.map(([element]) => [element.id, state(element)]),
    open: [...ctx.target.querySelectorAll("details[id]")].map(({ id, open }) => [id, open]),
    place: now !== active && ctx.target.contains(now) && now.id ? { id: now.id, from: now.selectionStart, to: now.selectionEnd } : null,
  };
}

// After the swap, with what `gather` found. True where the reader is where they went meanwhile.
export function settle(ctx, target, { controls, typed, open, place }) {
  const again = (id) => document.getElementById(after(id, ctx.request.submitter ?? {}));
  for (const element of controls) if (target.contains(element)) asAnswered(element);
  for (const [id, value] of typed) if (again(id)) put(again(id), value);
  for (const [id, value] of open) if (again(id)) again(id).open = value;
  for (const details of target.querySelectorAll("details:not([open]):has([aria-invalid=true])")) details.open = true;
  const field = place && again(place.id);
  if (!field) return false;
  if (field !== document.activeElement) {
    field.focus();
    if (place.from !== null && place.from !== undefined) field.setSelectionRange(place.from, place.to);
  }
  return true;
}
