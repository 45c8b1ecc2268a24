// One of the two messages: parameters, headers, body.

import type { JSX } from "preact";
import type { Row } from "../../api.ts";
import { type CallEvent, type Message, mediaType } from "../../call/event.ts";
import { addressOf, paramsOf } from "../../call/params.ts";
import { Copy } from "../../components/basics.tsx";
import { plural, visible } from "../../format.ts";
import { BodyCard } from "./bodycard.tsx";
import { Card } from "./card.tsx";
import { Pairs } from "./pairs.tsx";

export function RequestCards(props: { readonly event: CallEvent; readonly row: Row }): JSX.Element {
  const { event, row } = props;
  const { uri, request } = event;
  const { query } = addressOf(uri);
  const params = paramsOf(query);
  return (
    <section class="message" aria-label="Request">
      <h2>Request</h2>
      <Card
        name="address"
        title="Address"
        note={params.length ? plural(params.length, "parameter") : ""}
        tools={<Copy text={uri} title="Copy the address" />}
        open={params.length > 0}
      >
        <p class="address">{visible(uri)}</p>
        {params.length ? (
          <Pairs pairs={params} label="Parameters of the address" noted={request.noted} />
        ) : null}
      </Card>
      <Headers message={request} />
      <BodyCard message={request} size={row.request_size} />
    </section>
  );
}

export function ResponseCards(props: {
  readonly event: CallEvent;
  readonly row: Row;
}): JSX.Element {
  const { event, row } = props;
  const { response } = event;
  return (
    <section class="message" aria-label="Response">
      <h2>Response</h2>
      {response ? (
        <>
          <Headers message={response} />
          <BodyCard message={response} size={row.response_size} />
        </>
      ) : (
        <p class="dim none">There was no answer.</p>
      )}
    </section>
  );
}

function Headers({ message }: { readonly message: Message }): JSX.Element {
  const { headers, side } = message;
  const type = mediaType(message.type);
  return (
    <Card
      name={`${side} headers`}
      title="Headers"
      note={`${headers.length}${type ? ` · ${visible(type)}` : ""}`}
      tools={
        headers.length ? (
          <Copy
            title="Copy all headers"
            text={() => headers.map(({ name, value }) => `${name}: ${value}`).join("\n")}
          />
        ) : null
      }
      open={false}
    >
      {headers.length ? (
        <Pairs pairs={headers} label={`Headers of the ${side}`} noted={message.noted} />
      ) : (
        <p class="dim">There are none.</p>
      )}
    </Card>
  );
}
