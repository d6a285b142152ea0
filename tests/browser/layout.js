// What is wrong with the layout of what can be seen: texts that are cut off, that stick out of their place, or that lie over one another.
() => {
  const scope = document.querySelector("dialog[open]") ?? document.body;
  const called = (element) => {
    const text = (element.textContent.trim() || element.value || element.placeholder || "").replace(/\s+/g, " ").slice(0, 50);
    return `<${element.tagName.toLowerCase()} class="${element.getAttribute("class") ?? ""}"> ${text}`;
  };
  const styles = new Map();
  const styleOf = (element) => styles.get(element) ?? styles.set(element, getComputedStyle(element)).get(element);
  const known = new Map();
  // Clipped away is what screen readers alone are told.
  const isForReaders = (element) => {
    if (!known.has(element)) known.set(element, styleOf(element).clipPath !== "none" || (element !== scope && isForReaders(element.parentElement)));
    return known.get(element);
  };
  const isForEyes = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !isForReaders(element) && !element.closest("svg");
  const hasText = (element) => element.textContent.trim() !== "" || element.matches("input:not([type=checkbox], [type=radio]), textarea");
  const mayBeCut = (element) => styleOf(element).textOverflow === "ellipsis" || styleOf(element).webkitLineClamp !== "none";
  const scrolls = (element) => /auto|scroll/.test(styleOf(element).overflowX);
  const problems = [];

  // --- What is wider than its place. Boxes that are laid over their place on purpose are looked at by themselves. ---

  for (const element of scope.querySelectorAll("*")) {
    if (!isForEyes(element) || !hasText(element) || mayBeCut(element) || scrolls(element)) continue;
    if (element.clientWidth > 0 && element.scrollWidth > element.clientWidth + 1) {
      const edge = element.getBoundingClientRect().left + element.clientLeft + element.clientWidth + 1;
      const out = [...element.querySelectorAll("*")].find((inner) => isForEyes(inner) && inner.getBoundingClientRect().right > edge && !inner.closest("[role='menu'], [role='listbox']"));
      if (out || !element.firstElementChild) problems.push(`${element.scrollWidth - element.clientWidth} px too wide: ${called(element)} | ${out ? called(out) : ""}`);
    }
    if (styleOf(element).overflowY === "hidden" && element.clientHeight > 0 && element.scrollHeight > element.clientHeight + 2) problems.push(`cut off below: ${called(element)}`);
  }

  // --- Texts over one another ---

  const floating = (element) => {
    for (let each = element; each && each !== scope; each = each.parentElement) if (/fixed|absolute/.test(styleOf(each).position)) return each;
    return null;
  };
  const clipped = (rect, element) => {
    let { left, top, right, bottom } = rect;
    for (let each = element; each && each !== scope; each = each.parentElement) {
      if (styleOf(each).overflow === "visible") continue;
      const place = each.getBoundingClientRect();
      [left, top, right, bottom] = [Math.max(left, place.left), Math.max(top, place.top), Math.min(right, place.right), Math.min(bottom, place.bottom)];
    }
    return { left, top, right, bottom };
  };
  const texts = [];
  const walker = document.createTreeWalker(scope, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !isForEyes(element) || element.closest("option, template, script")) continue;
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    for (const rect of range.getClientRects()) texts.push({ ...clipped(rect, element), element, layer: floating(element) });
  }
  texts.sort((one, other) => one.top - other.top);
  for (const [place, one] of texts.entries()) {
    for (let next = place + 1; next < texts.length && texts[next].top < one.bottom - 4; next++) {
      const other = texts[next];
      if (other.layer !== one.layer || other.element === one.element) continue;
      if (Math.min(one.right, other.right) - Math.max(one.left, other.left) > 2 && Math.min(one.bottom, other.bottom) - other.top > 4) {
        problems.push(`over one another: ${called(one.element)} | ${called(other.element)}`);
      }
    }
  }
  return problems;
}
