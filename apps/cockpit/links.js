// A link to another view of the same page changes the address without loading the page again: Streamlit runs the
// script anew whenever the browser moves in its history. Where this file does not run, the link loads the page.
if (!window.citylakeLinks) {
  window.citylakeLinks = true;
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="?"]');
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!link || !plain) return;
    event.preventDefault();
    window.history.pushState({}, "", link.getAttribute("href"));
    window.dispatchEvent(new PopStateEvent("popstate"));
    document.querySelector(".stMain")?.scrollTo({ top: 0 });
  });
}
