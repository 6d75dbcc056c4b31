// Files from the visitor: chosen, dropped on a panel, or pasted.

interface Places {
  input: HTMLInputElement;
  /** Where files may be dropped. */
  area: HTMLElement;
  /** Whether a pasted file is for this place; none is when left out. */
  pasteWhen?: () => boolean;
}

export function takeFiles({ input, area, pasteWhen }: Places, take: (file: File) => void): void {
  const takeFirst = (files: FileList | undefined | null): boolean => {
    const file = files?.[0];
    if (file) take(file);
    return file !== undefined;
  };
  input.addEventListener('change', () => {
    takeFirst(input.files);
    // So that choosing the same file again is a change.
    input.value = '';
  });
  const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files');
  area.addEventListener('dragover', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    area.dataset.over = '';
  });
  area.addEventListener('dragleave', (event) => {
    if (!area.contains(event.relatedTarget as Node | null)) delete area.dataset.over;
  });
  area.addEventListener('drop', (event) => {
    delete area.dataset.over;
    if (!hasFiles(event)) return;
    event.preventDefault();
    takeFirst(event.dataTransfer?.files);
  });
  document.addEventListener('paste', (event) => {
    if (pasteWhen?.() && takeFirst(event.clipboardData?.files)) event.preventDefault();
  });
}
