// Watches where the Tab key leads. `expected` are the controls that can be seen, `stops` how often Tab is to be pressed to pass them all;
// `missed()` names those that were not reached or that did not show it.
() => {
  const scope = document.querySelector("dialog[open]") ?? document.body;
  const called = (element) => `<${element.tagName.toLowerCase()}> ${element.getAttribute("aria-label") || element.textContent.trim().slice(0, 50) || element.name}`;
  // Parts of a date and the button of its calendar are stops of their own.
  const STOPS = { date: 5, time: 5 };
  const isStop = (element) => {
    if (element.tabIndex < 0 || element.disabled || !element.checkVisibility({ visibilityProperty: true }) || element.closest("[inert], template")) return false;
    if (element.type !== "radio") return true;
    const group = [...scope.querySelectorAll("input[type=radio]")].filter((other) => other.name === element.name && other.form === element.form);
    return element === (group.find((other) => other.checked) ?? group[0]);
  };
  const expected = [...scope.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]")].filter(isStop);
  const reached = new Set();
  const unseen = new Set();
  const hasRing = (element) => element && getComputedStyle(element).outlineStyle !== "none" && parseFloat(getComputedStyle(element).outlineWidth) > 0;
  document.addEventListener("focusin", ({ target }) => {
    reached.add(target);
    if (![target, target.nextElementSibling, target.parentElement, target.parentElement?.parentElement].some(hasRing)) unseen.add(target);
  });
  // Where the Tab key begins: before all of them.
  const start = Object.assign(document.createElement("span"), { tabIndex: 0 });
  scope.prepend(start);
  start.focus();
  reached.clear();
  unseen.clear();
  window.missed = () => [
    ...expected.filter((element) => element.isConnected && !reached.has(element)).map((element) => `not reached: ${called(element)}`),
    ...[...unseen].map((element) => `focus not seen: ${called(element)}`),
  ];
  return expected.reduce((sum, element) => sum + (STOPS[element.type] ?? 1), 2);
}
