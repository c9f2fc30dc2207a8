// A minimal main process of Electron: `npm install ctnetlink electron`, then, with CAP_NET_ADMIN, `npx electron .` in
// this folder. The socket is koffi's; it belongs into the main process, never into a renderer. Not run by our CI.
import { Conntrack } from 'ctnetlink';
import { app, BrowserWindow } from 'electron';

const page = (lines) => `data:text/html;charset=utf-8,<pre>${encodeURIComponent(lines.join('\n'))}</pre>`;

app.whenReady().then(async () => {
  const window = new BrowserWindow({ width: 900, height: 600 });
  const ct = await Conntrack.open();
  app.on('window-all-closed', async () => {
    await ct.close();
    app.quit();
  });

  const lines = [`${(await ct.stats()).entries} flows, by way of ${ct.transport}`];
  for await (const { orig } of ct.dump()) {
    lines.push(`${orig.proto} ${orig.src}:${orig.sport ?? ''} -> ${orig.dst}:${orig.dport ?? ''}`);
    if (lines.length > 30) break;
  }
  await window.loadURL(page(lines));

  for await (const event of await ct.events()) {
    if (window.isDestroyed()) break;
    const { orig } = event.type === 'overrun' ? {} : event.flow;
    lines.push(orig === undefined ? `${event.lost} events lost` : `${event.type} ${orig.src} -> ${orig.dst}`);
    await window.loadURL(page(lines.slice(-30)));
  }
});
