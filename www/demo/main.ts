// The demo page: joins its parts. All DOM work is here, on the main thread; all computing is in kernels.
import { Engine } from './engine.ts';
import { Explorer } from './explorer.ts';
import { startMeter } from './meter.ts';
import { startNumbers } from './numbers.ts';
import { startPhoto } from './photo.ts';
import { startStrip } from './strip.ts';
import { startTabs } from './tabs.ts';
import { startTheme } from './theme.ts';
import { clearNotice } from './notice.ts';

startTheme();
const engine = new Engine({ threads: navigator.hardwareConcurrency || 1, inline: false });
startStrip(engine);
new Explorer(engine);
startPhoto(engine);
startNumbers(engine);
startTabs(() => clearNotice());
startMeter();
