// Renews the page in place: what did not change stays, with what is opened, selected and scrolled to.
"use strict";

(() => {
  const EVERY = 15000;
  const LIMIT = 10000;
  const version = document.currentScript.src;
  const said = () => document.getElementById("renewal");
  let last = new Date();
  let timer = 0;
  let underWay = false;

  const clock = (at) => at.toISOString().slice(11, 19) + " UTC";

  // Instants are UTC, as in the log; whoever lives by another clock sees here what that says. Not read aloud each minute.
  function showOwnClock() {
    const now = new Date();
    const own = now.getTimezoneOffset() === 0 ? "" : "your clock says " + now.toTimeString().slice(0, 5);
    const place = document.getElementById("own-clock");
    if (place) place.textContent = own;
  }

  function say(text, isStale) {
    const place = said();
    if (place && place.textContent !== text) place.textContent = text;
    document.body.classList.toggle("unrenewed", isStale);
  }

  function isSame(one, other) {
    return one.nodeType === other.nodeType && one.nodeName === other.nodeName && one.id === other.id;
  }

  // Only the part that differs: a selection beside it stays.
  function setText(node, text) {
    const old = node.data;
    if (old === text) return;
    let start = 0;
    while (start < old.length && start < text.length && old[start] === text[start]) start++;
    let end = 0;
    const most = Math.min(old.length, text.length) - start;
    while (end < most && old[old.length - 1 - end] === text[text.length - 1 - end]) end++;
    node.replaceData(start, old.length - start - end, text.slice(start, text.length - end));
  }

  function setAttributes(old, fresh) {
    for (const { name, value } of fresh.attributes) {
      if (name === "open") continue; // the reader's own
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    for (const { name } of [...old.attributes]) {
      if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
    }
  }

  function renew(old, fresh) {
    if (old.nodeType === Node.TEXT_NODE) return setText(old, fresh.data);
    if (old.nodeType !== Node.ELEMENT_NODE || old.id === "renewal" || old.id === "own-clock") return;
    setAttributes(old, fresh);
    renewChildren(old, fresh);
  }

  const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.dataset.key : undefined);

  function keyed(parent) {
    return new Map([...parent.children].filter(keyOf).map((child) => [keyOf(child), child]));
  }

  // What stands before a known child and is not to come: moving the child instead would lose a selection in it.
  function removeUpTo(child, at, wanted) {
    for (let node = at; node && node !== child; node = node.nextSibling) {
      if (wanted.has(keyOf(node))) return at;
    }
    while (at && at !== child) at = removed(at);
    return at;
  }

  function removed(node) {
    const next = node.nextSibling;
    node.remove();
    return next;
  }

  function renewChildren(old, fresh) {
    const known = keyed(old);
    const wanted = keyed(fresh);
    let at = old.firstChild;
    for (const child of [...fresh.childNodes]) {
      const key = keyOf(child);
      let same = null;
      if (key) same = known.get(key) || null;
      else if (at && !keyOf(at) && isSame(at, child)) same = at;
      if (key) wanted.delete(key);
      if (!same) {
        old.insertBefore(document.importNode(child, true), at);
        continue;
      }
      if (same !== at) at = removeUpTo(same, at, wanted);
      if (same === at) at = at.nextSibling;
      else old.insertBefore(same, at);
      renew(same, child);
    }
    while (at) at = removed(at);
  }

  // What comes of a connection that does not come about each browser words otherwise.
  async function asked(how) {
    try {
      return await fetch(location.pathname + location.search, how);
    } catch {
      throw new Error("the monitor does not answer");
    }
  }

  async function fetchPage() {
    const stop = new AbortController();
    const limit = setTimeout(() => stop.abort(), LIMIT);
    try {
      const answer = await asked({ cache: "no-store", signal: stop.signal });
      if (!answer.ok) throw new Error("it answers " + answer.status);
      return new DOMParser().parseFromString(await answer.text(), "text/html");
    } finally {
      clearTimeout(limit);
    }
  }

  function take(page) {
    const script = page.querySelector("script[src]");
    if (!script || !page.getElementById("main")) throw new Error("it answers with another page");
    if (new URL(script.getAttribute("src"), location.href).href !== version) return location.reload();
    document.title = page.title;
    setAttributes(document.querySelector("link[rel=icon]"), page.querySelector("link[rel=icon]"));
    for (const id of ["verdict", "main"]) renew(document.getElementById(id), page.getElementById(id));
  }

  async function refresh() {
    if (underWay) return;
    underWay = true;
    clearTimeout(timer);
    try {
      take(await fetchPage());
      last = new Date();
      showOwnClock();
      say("renews itself every 15 s", false);
    } catch (error) {
      const why = error.name === "AbortError" ? "no answer" : error.message;
      say("Not renewed since " + clock(last) + ": " + why + "; tried again every 15 s", true);
    }
    underWay = false;
    timer = setTimeout(refresh, EVERY);
  }

  document.addEventListener("click", (event) => {
    if (event.target.id !== "refresh" || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    refresh();
  });
  // The text beside a button, for whoever repairs in another window.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest ? event.target.closest("button.copy") : null;
    if (!button) return;
    const text = button.parentElement.querySelector("pre");
    let isCopied = true;
    try {
      await navigator.clipboard.writeText(text.textContent);
    } catch {
      // Not over plain HTTP, nor where the browser's owner forbids it: then it is selected, to be copied by hand.
      isCopied = false;
      getSelection().selectAllChildren(text);
    }
    button.textContent = isCopied ? "Copied" : "Selected";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  // Instants are UTC, as in the log; whoever points at one sees it by the own clock too.
  document.addEventListener("mouseover", (event) => {
    const time = event.target.closest ? event.target.closest("time[datetime]") : null;
    if (!time || time.dataset.local) return;
    const local = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
    time.title = [time.title, local].filter(Boolean).join(" · ");
    time.dataset.local = "told";
  });
  // A page in the background is renewed when it is looked at again.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && new Date() - last >= EVERY) refresh();
  });
  document.documentElement.classList.add("scripted");
  showOwnClock();
  say("renews itself every 15 s", false);
  timer = setTimeout(refresh, EVERY);
})();
