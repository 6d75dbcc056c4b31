// Dark or light: the system's choice until the visitor makes one. A script of its own that runs before the first paint, so that the page never
// flashes in the other colours.
const KEY = 'loomwork-theme';
type Theme = 'dark' | 'light';

const root = document.documentElement;
const system = matchMedia('(prefers-color-scheme: dark)');

/** The visitor's choice. Storage may be forbidden; then it lasts as long as the page. */
function remembered(): Theme | undefined {
  try {
    const theme = localStorage.getItem(KEY);
    return theme === 'dark' || theme === 'light' ? theme : undefined;
  } catch {
    return undefined;
  }
}

function remember(theme: Theme): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // See above.
  }
}

function current(): Theme {
  const { theme } = root.dataset;
  return theme === 'dark' || theme === 'light' ? theme : system.matches ? 'dark' : 'light';
}

const chosen = remembered();
if (chosen) root.dataset.theme = chosen;

document.addEventListener('DOMContentLoaded', () => {
  document.getElementById('theme')?.addEventListener('click', () => {
    const theme = current() === 'dark' ? 'light' : 'dark';
    root.dataset.theme = theme;
    remember(theme);
    document.dispatchEvent(new Event('themechange'));
  });
});
system.addEventListener('change', () => document.dispatchEvent(new Event('themechange')));

export {};
