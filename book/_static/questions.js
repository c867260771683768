// The page of questions: choose a topic, open or close all answers, draw one.
// Without this script every question is still there, and opens by itself.

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function topicsOf(article) {
  const topics = make("select", { id: "topic" });
  topics.append(make("option", { value: "", textContent: "all topics" }));
  for (const part of article.querySelectorAll("section:has(> section > details)")) {
    const group = make("optgroup", { label: titleOf(part) });
    const whole = make("option", { textContent: `all of: ${titleOf(part)}` });
    group.append(whole);
    const inside = [];
    for (const chapter of part.querySelectorAll(":scope > section")) {
      const { topic } = chapter.querySelector("details").dataset;
      inside.push(topic);
      group.append(make("option", { value: topic, textContent: titleOf(chapter) }));
    }
    whole.value = inside.join(" ");
    topics.append(group);
  }
  return topics;
}

function titleOf(section) {
  const heading = section.querySelector("h2, h3").cloneNode(true);
  heading.querySelector(".headerlink")?.remove();
  return heading.textContent.trim();
}

function show(article, questions, topic, status) {
  const chosen = topic.split(" ");
  for (const question of questions) {
    question.hidden = topic !== "" && !chosen.includes(question.dataset.topic);
  }
  for (const section of article.querySelectorAll("section section")) {
    const inside = [...section.querySelectorAll("details.question")];
    section.hidden = topic !== "" && inside.every((question) => question.hidden);
  }
  const count = questions.filter((question) => !question.hidden).length;
  status.textContent = `${count} of ${questions.length} questions`;
}

function openTarget() {
  const target = document.getElementById(location.hash.slice(1));
  if (target?.matches("details.question")) target.open = true;
}

document.addEventListener("DOMContentLoaded", () => {
  const questions = [...document.querySelectorAll("details.question")];
  if (questions.length === 0) return;
  const article = questions[0].closest("article");
  const topics = topicsOf(article);
  const status = make("span", { className: "count", role: "status" });
  const seen = () => questions.filter((question) => !question.hidden);
  const all = (open) => () => seen().forEach((question) => { question.open = open; });
  const draw = () => {
    const closed = seen().filter((question) => !question.open);
    const drawn = closed[Math.floor(Math.random() * closed.length)];
    drawn?.scrollIntoView({ block: "center" });
    drawn?.querySelector("summary").focus();
  };
  const button = (textContent, action) => {
    const it = make("button", { type: "button", textContent });
    it.addEventListener("click", action);
    return it;
  };
  const tools = make(
    "div",
    { className: "question-tools" },
    make("label", { htmlFor: "topic" }, "Topic "),
    topics,
    button("Open all", all(true)),
    button("Close all", all(false)),
    button("Draw one", draw),
    status,
  );
  const first = article.querySelector("section section");
  first.before(tools);
  topics.addEventListener("change", () => show(article, questions, topics.value, status));
  show(article, questions, "", status);
  addEventListener("beforeprint", all(true));
  addEventListener("hashchange", openTarget);
  openTarget();
});
