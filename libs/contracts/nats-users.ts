import { BUS_USERS } from './participants.js';
import { permissions, type Permissions } from './permissions.js';

/** The environment variable that nats-server takes the user's password from: `NATS_METRICS_COLLECTOR_PASSWORD`. */
export const passwordVariable = (user: string): string => `NATS_${user.toUpperCase().replaceAll('-', '_')}_PASSWORD`;

const list = (subjects: string[]) => `[\n${subjects.map((subject) => `          "${subject}"`).join('\n')}\n        ]`;

const rights = ({ publish, subscribe }: Permissions) => `
      permissions: {
        publish: {
${publish.allow.length ? `        allow: ${list(publish.allow)}\n` : ''}${publish.deny.length ? `        deny: ${list(publish.deny)}\n` : ''}        }
        subscribe: { allow: ${list(subscribe.allow)} }
      }`;

/** The users as nats-server reads them. */
export function natsUsers(): string {
  const allowed = permissions();
  const users = BUS_USERS.map((user) => {
    const own = allowed[user];
    return `    {
      user: "${user}"
      password: $${passwordVariable(user)}${own ? rights(own) : ''}
    }`;
  });
  return `# Users of the bus and what each may do, for nats-server 2.9 and later: include it in the server's configuration.
# Written by "npm run generate" from libs/contracts/participants.ts. Passwords come from the environment: docs/bus-users.md.
authorization {
  users: [
${users.join('\n')}
  ]
}
`;
}
