// The demo page: joins the host, the strip and the three panels.
import { Explorer } from './explorer/explorer.ts';
import { startNumbers } from './numbers/numbers.ts';
import { startPhoto } from './photo/photo.ts';
import { canvas } from './shell/dom.ts';
import { Jobs } from './shell/jobs.ts';
import { startMeter } from './shell/meter.ts';
import { openStrip } from './shell/strip.ts';
import { startTabs } from './shell/tabs.ts';

startMeter();
let explorer: Explorer | undefined;
let hosts = 0;
const hosting = openStrip((state) => {
  if (state.kind !== 'ready') return;
  hosts += 1;
  // The first host finds the explorer waiting for it; on each later one the picture is drawn again, to be compared.
  if (hosts > 1) explorer?.redraw();
});
const jobs = new Jobs(hosting);
startTabs();
explorer = new Explorer(canvas('picture'), jobs);
startPhoto(jobs);
startNumbers(jobs);
