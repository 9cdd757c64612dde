/** Starts nginx as a peer of the sending benchmark. */

import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';

export interface Nginx {
  port: number;
  pids: () => number[];
  close: () => Promise<void>;
}

/** Starts Debian's nginx with CORS headers in front of the hub. Undefined if it is not installed. */
export async function startNginx(hub: {
  endpoint: string;
  host: string;
  caFile: string;
}): Promise<Nginx | undefined> {
  if (spawnSync('nginx', ['-v']).error) return undefined;
  const folder = await mkdtemp(join(tmpdir(), 'hubfront-nginx-'));
  const port = await freePort();
  const { host: upstream } = new URL(hub.endpoint);
  await writeFile(
    join(folder, 'nginx.conf'),
    `worker_processes 1; pid ${folder}/pid; error_log stderr error;
    events { worker_connections 1024; }
    http {
      access_log off;
      client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
      uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
      keepalive_requests 1000000;
      upstream hub { server ${upstream}; keepalive 128; keepalive_requests 1000000; }
      server {
        listen 127.0.0.1:${port};
        location / {
          add_header Access-Control-Allow-Origin * always;
          add_header Vary Origin always;
          proxy_pass https://hub;
          proxy_http_version 1.1;
          proxy_set_header Connection "";
          proxy_set_header Host ${hub.host};
          proxy_ssl_name ${hub.host};
          proxy_ssl_server_name on;
          proxy_ssl_verify on;
          proxy_ssl_trusted_certificate ${hub.caFile};
        }
      }
    }`,
  );
  const child = spawn('nginx', ['-c', join(folder, 'nginx.conf'), '-p', folder, '-g', 'daemon off;'], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    port,
    pids: () => {
      const master = child.pid ?? 0;
      const workers = readFileSync(`/proc/${master}/task/${master}/children`, 'utf8').trim().split(' ');
      return [master, ...workers.map(Number)];
    },
    close: async () => {
      child.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => {
        resolve(port);
      });
    });
  });
}
