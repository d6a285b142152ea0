/** Fills a place where an app should have been with a sentence saying why it is not there. */
export function showNotice(container, message) {
  const notice = document.getElementById("notice-template").content.cloneNode(true);
  notice.querySelector(".empty-text").textContent = message;
  container.replaceChildren(notice);
}
