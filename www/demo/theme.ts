// Dark or light: as the system wishes, until the visitor chooses; the choice is remembered.
import { byId } from './dom.ts';

const KEY = 'loomwork-theme';
const systemIsLight = matchMedia('(prefers-color-scheme: light)');
const button = byId('theme', HTMLButtonElement);

/** Follows the system and the button. */
export function startTheme(): void {
  apply();
  systemIsLight.addEventListener('change', apply);
  button.addEventListener('click', () => {
    remember(current() === 'light' ? 'dark' : 'light');
    apply();
  });
}

function apply(): void {
  document.documentElement.dataset['theme'] = current();
  button.textContent = current() === 'light' ? '☾' : '☀';
}

function current(): string {
  return recall() ?? (systemIsLight.matches ? 'light' : 'dark');
}

// A page may be denied storage; then the choice lasts as long as the page.
let chosen: string | null = null;

function recall(): string | null {
  try {
    return chosen ?? localStorage.getItem(KEY);
  } catch {
    return chosen;
  }
}

function remember(theme: string): void {
  chosen = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // See above.
  }
}
