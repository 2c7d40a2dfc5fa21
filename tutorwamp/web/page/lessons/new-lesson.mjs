// The form with which a tutor makes a lesson.

import { inPlainWords } from "../error-words.mjs";
import { newClientId } from "../../client/ids.mjs";
import { writtenLine } from "../../client/writing.mjs";
import { find } from "../dom.mjs";

const ID_FORM = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The dialog of a tutor. `created(lesson)` is called when there is a new one. */
export function setUpNewLesson(connection, created) {
  const dialog = find("#new-lesson");
  const form = find("form", dialog);
  const problem = find(".problem", dialog);
  let clientId = null;

  find('[data-do="new-lesson"]').addEventListener("click", () => {
    form.reset();
    form.starts.value = localMinute(new Date());
    problem.hidden = true;
    clientId = newClientId(); // one opening of the form makes one lesson, however often it is sent
    dialog.showModal();
  });
  find('[data-do="cancel"]', dialog).addEventListener("click", () => dialog.close());
  form.addEventListener("input", () => (clientId = newClientId())); // other words are another lesson

  const complain = (words) => {
    problem.textContent = words;
    problem.hidden = false;
    problem.scrollIntoView({ block: "nearest" });
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const wrong = idsIn(form.students.value).find((id) => !ID_FORM.test(id));
    if (wrong) return complain(`“${wrong}” is not a student's ID. An ID has 36 letters, digits and hyphens.`);
    const submit = find('[type="submit"]', form);
    submit.disabled = true;
    try {
      const lesson = await connection.call("tutorwamp.lesson.create", { ...lessonOf(form), client_id: clientId });
      dialog.close();
      created(lesson);
    } catch (error) {
      complain(inPlainWords(error));
    } finally {
      submit.disabled = false;
    }
  });
}

function idsIn(text) {
  return [...new Set(text.toLowerCase().split(/[\s,;]+/).filter(Boolean))];
}

function lessonOf(form) {
  const starts = new Date(form.starts.value);
  const subject = writtenLine(form.subject.value);
  return {
    title: writtenLine(form.title.value),
    ...(subject && { subject }),
    student_ids: idsIn(form.students.value),
    starts_at: starts.toISOString(),
    ends_at: new Date(starts.getTime() + Number(form.minutes.value) * 60_000).toISOString(),
  };
}

function localMinute(date) {
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16); // the form of datetime-local
}
