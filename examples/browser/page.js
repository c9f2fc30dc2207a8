/**
 * A capture that is dropped on the page, or chosen, is shown as lines. What is in it goes into the page as text only
 * (textContent).
 */
import { gunzip } from './gunzip.js';
import { readAll } from './read.js';

/** Rows of a section that are shown at first, and with each further press of its button. */
const ROWS = 2000;

const find = (id) => document.getElementById(id);
const input = find('file');
const filter = find('filter');
const status = find('status');
const alertBox = find('alert');
const result = find('result');

/** Counts captures: what is read while the next one is dropped is not shown. */
let turn = 0;
let sections = [];

function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  Object.assign(made, properties);
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

async function show(file) {
  const mine = ++turn;
  alertBox.hidden = true;
  result.replaceChildren();
  sections = [];
  document.body.classList.add('used');
  status.textContent = `Reading ${file.name} …`;
  document.body.ariaBusy = 'true';
  try {
    const { bytes, problem } = await gunzip(new Uint8Array(await file.arrayBuffer()));
    const read = await readAll(bytes);
    if (mine !== turn) return;
    status.textContent = summary(file, read);
    const left = leftOut(read.skipped, problem);
    if (left.length > 0)
      result.append(element('p', { className: 'left', textContent: `Left out: ${left.join('; ')}.` }));
    sections = read.sections.map(sectionOf);
    result.append(...sections.map(({ root }) => root));
    if (sections.length === 0)
      result.append(element('p', { className: 'nothing', textContent: nothing(read.requests) }));
    filter.hidden = sections.length === 0;
    draw();
  } catch (error) {
    if (mine !== turn) return;
    filter.hidden = true;
    status.textContent = '';
    // That something is wrong with the whole file is said by where it begins.
    alertBox.textContent = `${file.name} cannot be read: ${error.message.replace(/ at byte 0$/, '')}`;
    alertBox.hidden = false;
  } finally {
    if (mine === turn) document.body.ariaBusy = 'false';
  }
}

function summary(file, { format, release, requests }) {
  const kernel = release === undefined ? [] : [`Linux ${release}`];
  return [file.name, format, sizeOf(file.size), ...kernel, counted(requests, 'request')].join(' · ');
}

function sizeOf(bytes) {
  if (bytes < 1024) return counted(bytes, 'byte');
  return bytes < 1 << 20 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / (1 << 20)).toFixed(1)} MiB`;
}

function counted(number, noun) {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
}

function leftOut({ truncated, broken, otherFamilies, otherLinkTypes, cut }, problem) {
  const found = [];
  if (truncated > 0) found.push(`${counted(truncated, 'packet')} that the capturing tool cut`);
  if (broken > 0) found.push(`${broken.toLocaleString('en')} broken`);
  if (otherFamilies > 0) found.push(`${otherFamilies.toLocaleString('en')} of other netlink families or sockets`);
  if (otherLinkTypes > 0) found.push(`${counted(otherLinkTypes, 'packet')} of other link types`);
  if (cut !== undefined) found.push(`everything from byte ${cut.offset} (${cut.reason})`);
  if (problem !== undefined) found.push(problem);
  return found;
}

function nothing(requests) {
  if (requests === 0) return 'The capture has no dumps and no events of connection tracking.';
  return `The capture has ${counted(requests, 'request')}, but no dumps and no events of connection tracking.`;
}

function sectionOf({ kind, remarks, time, rows, error }, index) {
  const list = element('ol');
  const more = element('button', { type: 'button', className: 'more' });
  const count = element('span', { className: 'count' });
  const when =
    time === undefined ? undefined : element('time', { dateTime: new Date(time).toISOString() }, dateOf(time));
  const title = kind.startsWith('events') ? `${kind[0].toUpperCase()}${kind.slice(1)}` : `Dump ${index + 1}: ${kind}`;
  const remark = remarks.length === 0 ? undefined : element('small', {}, remarks.join(', '));
  const head = element('h2', {}, element('span', {}, title), count, remark, when);
  const missing = error === undefined ? undefined : element('p', { className: 'error' }, error);
  const section = { root: element('section', {}, head, list, more, missing), list, more, count, rows, shown: ROWS };
  // In a dump they all have about the time of the heading.
  section.timed = kind.startsWith('events');
  more.addEventListener('click', () => {
    section.shown += ROWS;
    drawSection(section);
  });
  return section;
}

function draw() {
  for (const section of sections) drawSection(section);
}

function drawSection({ list, more, count, rows, shown, timed }) {
  const wanted = filter.value.trim();
  const found = wanted === '' ? rows : rows.filter(({ text }) => text.includes(wanted));
  list.replaceChildren(
    ...found.slice(0, shown).map(({ text, time, type = '' }) => {
      const stamp = timed ? element('time', {}, time === undefined ? '–' : clockOf(time)) : undefined;
      return element('li', { className: type }, stamp, element('code', {}, text));
    }),
  );
  count.textContent = found === rows ? rows.length.toLocaleString('en') : `${found.length} of ${rows.length}`;
  more.hidden = found.length <= shown;
  more.textContent = `Show more: ${counted(found.length - shown, 'line')} left`;
}

const two = (number) => String(number).padStart(2, '0');

function dateOf(time) {
  const date = new Date(time);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clockOf(time)}`;
}

/** With microseconds, which a Date has not. */
function clockOf(time) {
  const date = new Date(time);
  const micro = Math.round((time - Math.floor(time / 1000) * 1000) * 1000);
  const fraction = String(Math.min(micro, 999_999)).padStart(6, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${fraction}`;
}

input.addEventListener('change', () => {
  const [file] = input.files;
  if (file !== undefined) show(file);
  // The same file may be chosen again.
  input.value = '';
});
filter.addEventListener('input', draw);
for (const type of ['dragenter', 'dragover'])
  addEventListener(type, (event) => {
    event.preventDefault();
    document.body.classList.add('over');
  });
addEventListener('dragleave', (event) => {
  if (event.relatedTarget === null) document.body.classList.remove('over');
});
addEventListener('drop', (event) => {
  event.preventDefault();
  document.body.classList.remove('over');
  const [file] = event.dataTransfer?.files ?? [];
  if (file !== undefined) show(file);
});
