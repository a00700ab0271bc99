'use strict';
// Before anything is drawn: the theme that was chosen on an earlier visit.
try {
  const theme = localStorage.getItem('wavemill-theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch { /* a browser that keeps nothing */ }
