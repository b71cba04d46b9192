/** A client that subscribes and then stops reading. */
import * as zmq from 'zeromq';
import type { JupyterClient } from '../kernel/jupyter-client.ts';

/** Subscribes without any key, takes the welcome, and reads nothing more. */
export async function suspendedSubscriber(client: JupyterClient, topic: string): Promise<zmq.Subscriber> {
  const subscriber = new zmq.Subscriber({ linger: 0, receiveHighWaterMark: 1 });
  subscriber.connect(client.endpoint(client.connection.iopub_port));
  subscriber.subscribe(topic);
  await subscriber.receive();
  await client.take('iopub', ({ type }) => type === 'iopub_welcome', 'its welcome');
  return subscriber;
}
