// Search: JavaScript's own regular expressions, on a string that is there already.

export const searching = [
  {
    impl: 'js', kind: 'portable', threads: 1,
    cases: {
      search({ data, pattern }) {
        const text = Buffer.from(data.buffer).toString('latin1');
        return () => {
          const expression = new RegExp(pattern, 'g');
          const ends = [];
          while (expression.exec(text)) ends.push(expression.lastIndex);
          return { ends: Uint32Array.from(ends) };
        };
      },
    },
  },
];
