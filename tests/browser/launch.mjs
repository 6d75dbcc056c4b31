// Starts a real browser through its real driver: one launcher, the same tests in each. A browser or driver that is missing is an error,
// never a skipped test.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
// The tests' libraries lie with the package's sources.
const load = (path) => import(pathToFileURL(join(root, 'www/node_modules', path)).href);
const { Builder, logging } = (await load('selenium-webdriver/index.js')).default;
const chrome = (await load('selenium-webdriver/chrome.js')).default;
const firefox = (await load('selenium-webdriver/firefox.js')).default;

/** The browsers that the tests run in. */
export const browsers = (process.env.LOOMWORK_BROWSERS ?? 'chromium,firefox').split(',');

/** How long a display or a driver may take to come up. */
const START_MS = 20_000;
/** How long a script in the page may take. */
const SCRIPT_TIMEOUT_MS = 120_000;

function need(what, ...places) {
  const found = places.find((place) => place && existsSync(place));
  if (!found) throw new Error(`${what} is missing (looked in ${places.filter(Boolean).join(', ')}): run ./build.sh setup test`);
  return found;
}

const starters = {
  async chromium({ width, height, dark }) {
    const options = new chrome.Options();
    options.setChromeBinaryPath(need('Chromium', process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'));
    options.addArguments(
      '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', `--window-size=${width},${height}`,
    );
    if (dark) options.addArguments('--force-dark-mode');
    const profile = mkdtempSync(join(tmpdir(), 'loomwork-chromium-'));
    options.addArguments(`--user-data-dir=${profile}`);
    const log = new logging.Preferences();
    log.setLevel(logging.Type.BROWSER, logging.Level.ALL);
    options.setLoggingPrefs(log);
    const service = new chrome.ServiceBuilder(need('chromedriver', process.env.CHROMEDRIVER, '/usr/bin/chromedriver'));
    const driver = await new Builder().forBrowser('chrome').setChromeOptions(options).setChromeService(service).build();
    return { driver, clean: () => rmSync(profile, { recursive: true, force: true, maxRetries: 5 }) };
  },
  async firefox({ width, height, dark }) {
    const options = new firefox.Options();
    options.setBinary(need('Firefox', process.env.FIREFOX, '/usr/bin/firefox-esr', '/usr/bin/firefox'));
    options.addArguments('-headless', `--width=${width}`, `--height=${height}`);
    options.setPreference('ui.systemUsesDarkTheme', dark ? 1 : 0);
    const service = new firefox.ServiceBuilder(need('geckodriver', process.env.GECKODRIVER, join(root, 'target/tools/bin/geckodriver'), '/usr/bin/geckodriver'));
    const driver = await new Builder().forBrowser('firefox').setFirefoxOptions(options).setFirefoxService(service).build();
    return { driver, clean: () => {} };
  },
  /** WebKitGTK's own small browser. Without the environment variable it is isolated and yet has no SharedArrayBuffer. */
  async webkit({ shared, width, height }) {
    const installed = ['x86_64', 'aarch64'].map((machine) => `/usr/lib/${machine}-linux-gnu/webkit2gtk-4.1/MiniBrowser`);
    const binary = need('WebKitGTK (MiniBrowser)', process.env.WEBKIT, ...installed);
    const screen = await startDisplay(width, height);
    const port = await freePort();
    const profile = mkdtempSync(join(tmpdir(), 'loomwork-webkit-'));
    const homes = { HOME: profile, XDG_DATA_HOME: profile, XDG_CACHE_HOME: profile, XDG_CONFIG_HOME: profile };
    const env = { ...process.env, ...homes, DISPLAY: screen.display, GDK_BACKEND: 'x11', ...(shared && { JSC_useSharedArrayBuffer: '1' }) };
    const program = need('WebKitWebDriver', process.env.WEBKITDRIVER, '/usr/bin/WebKitWebDriver');
    const service = spawn(program, [`--port=${port}`, '--host=127.0.0.1'], { env, stdio: 'ignore' });
    const clean = async () => {
      service.kill();
      await screen.close();
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    };
    try {
      await listening(port);
      const capabilities = { browserName: 'MiniBrowser', 'webkitgtk:browserOptions': { binary, args: ['--automation'] } };
      const driver = await new Builder().usingServer(`http://127.0.0.1:${port}`).withCapabilities(capabilities).build();
      return { driver, clean };
    } catch (error) {
      await clean();
      throw error;
    }
  },
};

/** A display that nobody sees, for browsers without a headless mode. */
async function startDisplay(width, height) {
  const args = ['-displayfd', '1', '-screen', '0', `${width}x${height}x24`, '-nolisten', 'tcp'];
  const server = spawn(need('Xvfb', process.env.XVFB, '/usr/bin/Xvfb'), args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const number = await new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error('Xvfb does not start')), START_MS).unref();
    server.once('error', reject);
    server.stdout.once('data', (data) => resolve(String(data).trim()));
  });
  return {
    display: `:${number}`,
    close: () => new Promise((resolve) => {
      server.once('exit', resolve);
      server.kill();
    }),
  };
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listening(port) {
  for (const until = Date.now() + START_MS; ; ) {
    const answer = await fetch(`http://127.0.0.1:${port}/status`).catch((error) => error);
    if (!(answer instanceof Error)) return;
    if (Date.now() > until) throw new Error(`the driver does not answer: ${answer.message}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/**
 * Starts a browser.
 *
 * @param {string} name `chromium`, `firefox` or `webkit`
 * @param {{ width?: number, height?: number, dark?: boolean, shared?: boolean }} options shared: SharedArrayBuffer in WebKit
 * @returns {Promise<{ driver: import('selenium-webdriver').WebDriver, run: (body: string, ...args: unknown[]) => Promise<any>, close: () => Promise<void> }>}
 *   run: runs the body of an async function in the page, with `args`, and returns what it returns; what it throws is thrown here
 */
export async function launch(name, { width = 1280, height = 900, dark = false, shared = true } = {}) {
  if (!starters[name]) throw new Error(`no browser is named ${name}: ${Object.keys(starters).join(', ')}`);
  const { driver, clean } = await starters[name]({ width, height, dark, shared });
  await driver.manage().setTimeouts({ script: SCRIPT_TIMEOUT_MS, pageLoad: 60_000 });
  return {
    driver,
    async run(body, ...args) {
      const wrapped = `
        const done = arguments[arguments.length - 1];
        const args = Array.prototype.slice.call(arguments, 0, -1);
        (async () => { ${body} })().then(
          (value) => done({ value: value === undefined ? null : value }),
          (error) => done({ error: String((error && error.stack) || error) }),
        );`;
      const { value, error } = await driver.executeAsyncScript(wrapped, ...args);
      if (error) throw new Error(`in ${name}: ${error}`);
      return value;
    },
    async close() {
      await driver.quit();
      await clean();
    },
  };
}
