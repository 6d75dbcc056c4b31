// The browsers of this machine, for `loomwork test`: a page is opened in each, without a window, and tells what it found by itself. So no driver
// and no library is needed.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

export type BrowserName = 'chromium' | 'firefox';

interface Kind {
  /** Environment variable with its path. */
  variable: string;
  /** Names on the PATH, and places where it is installed. */
  programs: string[];
  places: string[];
  args(profile: string, url: string): string[];
}

const KINDS: Record<BrowserName, Kind> = {
  chromium: {
    variable: 'CHROMIUM',
    programs: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'microsoft-edge', 'chrome'],
    places: [
      '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
      '/Applications/Chromium.app/Contents/MacOS/Chromium',
      'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
      'C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe',
    ],
    args: (profile, url) => [
      '--headless=new', `--user-data-dir=${profile}`, '--disable-gpu', '--disable-quic', '--no-first-run', '--no-default-browser-check', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--disable-extensions',
      // Chromium's sandbox cannot be had as root (in containers).
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), url,
    ],
  },
  firefox: {
    variable: 'FIREFOX',
    programs: ['firefox', 'firefox-esr'],
    places: ['/Applications/Firefox.app/Contents/MacOS/firefox', 'C:\\Program Files\\Mozilla Firefox\\firefox.exe'],
    args: (profile, url) => ['--headless', '--no-remote', '--profile', profile, url],
  },
};

export const BROWSERS = Object.keys(KINDS) as BrowserName[];

/** Firefox's first start opens pages of its own otherwise. */
const FIREFOX_PREFS = ['browser.shell.checkDefaultBrowser', 'datareporting.policy.dataSubmissionEnabled', 'toolkit.telemetry.enabled', 'app.normandy.enabled', 'browser.aboutwelcome.enabled'];

/** The path of a browser; without one, where it was looked for. */
export function findBrowser(name: BrowserName): { path: string } | { why: string } {
  const { variable, programs, places } = KINDS[name];
  const named = process.env[variable];
  if (named) return existsSync(named) ? { path: named } : { why: `${variable} is ${named}, which does not exist` };
  const exe = process.platform === 'win32' ? '.exe' : '';
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean);
  const path = [...programs.flatMap((program) => folders.map((folder) => join(folder, `${program}${exe}`))), ...places].find((place) => existsSync(place));
  return path === undefined ? { why: `none is on the PATH (${programs.join(', ')}); ${variable} may name one` } : { path };
}

/** Opens a page until `until` settles; fails when the browser ends before. */
export async function openPage<T>(name: BrowserName, path: string, url: string, until: Promise<T>): Promise<T> {
  const profile = mkdtempSync(join(tmpdir(), `loomwork-${name}-`));
  if (name === 'firefox') writeFileSync(join(profile, 'user.js'), FIREFOX_PREFS.map((pref) => `user_pref(${JSON.stringify(pref)}, false);\n`).join(''));
  const child = spawn(path, KINDS[name].args(profile, url), { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2000)));
  const ended = new Promise<never>((_, reject) => {
    child.once('error', (error) => reject(new Error(`${path} cannot be started: ${error.message}`)));
    child.once('exit', (code) => reject(new Error(`${path} ended (exit code ${code}) before the page had told anything\n${said}`)));
  });
  try {
    return await Promise.race([until, ended]);
  } finally {
    ended.catch(() => {});
    await end(child);
    await remove(profile);
  }
}

/** A browser's helpers may write for a moment after it has ended; what they leave then is the system's to clear, and says nothing of the page. */
async function remove(profile: string): Promise<void> {
  for (let tries = 0; tries < 20; tries += 1) {
    try {
      return await rm(profile, { recursive: true, force: true });
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}

/** Asks the browser to end, and makes it after a while. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill();
  const late = setTimeout(() => child.kill('SIGKILL'), 3000);
  await gone;
  clearTimeout(late);
}
